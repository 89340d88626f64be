"""Documents: JSON, npz and safetensors to submissions and back; importers."""
