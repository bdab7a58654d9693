"""The pictures of the input channels, on their way to the network's input; and features computed from them once."""
