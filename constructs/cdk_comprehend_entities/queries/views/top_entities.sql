-- How often each entity is found, and in how many documents.
SELECT
    type,
    text,
    count(*) AS mentions,
    count(DISTINCT document) AS found_in,
    avg(score) AS mean_score
FROM entities
GROUP BY type, text
