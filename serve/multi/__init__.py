"""Many models behind one port, each in processes of its own, loaded and unloaded as the platform says: multi-model endpoints."""
