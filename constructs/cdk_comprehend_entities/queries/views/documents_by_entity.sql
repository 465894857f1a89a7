-- Which documents an entity stands in, and how often; a document that several jobs read counts for each of them.
SELECT
    type,
    text,
    job_date,
    jobid,
    document,
    count(*) AS mentions,
    max(score) AS best_score
FROM entities
GROUP BY type, text, job_date, jobid, document
