"""The network: subnets and groups of jobs and functions, endpoints, and buckets that only endpoints reach."""
