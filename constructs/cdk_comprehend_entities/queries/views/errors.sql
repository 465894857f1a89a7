-- What has no result: documents that failed or that the service never answered, and single pages.
SELECT
    documents.job_date,
    documents.jobid,
    documents.source,
    documents.file,
    documents.line,
    cast(NULL AS integer) AS page,
    documents.errorcode,
    documents.errormessage
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
    error.errormessage
FROM documents
CROSS JOIN UNNEST(documents.errors) AS error (page, errorcode, errormessage)
