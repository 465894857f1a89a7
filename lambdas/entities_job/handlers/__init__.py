"""One thin file a Lambda function: what it takes, what it answers, and in which order it calls the rest."""
