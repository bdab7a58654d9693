"""Models, endpoint configurations and endpoints: made, brought up, updated, asked."""
