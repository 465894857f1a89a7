"""The resources of the smallest workflow, by hand with CDK's L2 constructs: what `make bench-synth` compares."""
