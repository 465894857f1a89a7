-- One row an entity. `document` names where it stands: the source, and the line if a document is a line.
SELECT
    documents.job_date,
    documents.jobid,
    documents.languagecode,
    documents.source,
    documents.sourceversionid,
    documents.file,
    documents.line,
    coalesce(documents.source, documents.file) || coalesce('#' || cast(documents.line AS varchar), '') AS document,
    entity.type,
    entity.text,
    entity.score,
    entity.beginoffset,
    entity.endoffset
FROM documents
CROSS JOIN UNNEST(documents.entities) AS entity (beginoffset, endoffset, score, text, type, blockreferences)
