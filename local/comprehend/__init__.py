"""An emulator of Amazon Comprehend's asynchronous entity-detection jobs, for rehearsals on loopback.

It speaks the service's wire protocol to boto3 and the AWS CLI, checks requests as strictly as the API reference, and
runs jobs on a clock that can be sped up. Where the documentation is silent, a setting holds both behaviours.
"""
