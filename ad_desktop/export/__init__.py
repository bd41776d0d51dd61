"""What leaves the application as files: pictures, masks, maps and tables. A writer is one file in ``writers``."""
