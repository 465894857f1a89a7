"""The code that runs in AWS Lambda: one thin handler a module, over plain functions."""
