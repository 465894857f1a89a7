"""The resources of the smallest workflow, written by hand with CDK's L2 constructs: what `make bench-synth` compares."""
