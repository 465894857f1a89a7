"""The code that runs in AWS Lambda: thin handlers over plain functions, and the types of their payloads."""
