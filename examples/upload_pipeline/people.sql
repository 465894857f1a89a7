SELECT text, count(DISTINCT document) AS documents, count(*) AS mentions
FROM entities
WHERE type = 'PERSON' AND job_date >= '2026-01-01'
GROUP BY text
ORDER BY documents DESC, mentions DESC, text
LIMIT 10
