-- What has no result: documents that failed, documents that never came back (`documents` of them), single pages.
SELECT
    documents.job_date,
    documents.jobid,
    documents.source,
    documents.file,
    documents.line,
    cast(NULL AS integer) AS page,
    documents.errorcode,
    documents.errormessage,
    coalesce(documents.documents, 1) AS documents
FROM documents
WHERE documents.errorcode IS NOT NULL
UNION ALL
SELECT
    documents.job_date,
    documents.jobid,
    documents.source,
    documents.file,
    documents.line,
    error.page,
    error.errorcode,
    error.errormessage,
    cast(0 AS bigint) AS documents
FROM documents
CROSS JOIN UNNEST(documents.errors) AS error (page, errorcode, errormessage)
