"""One kind of export per file; each holds an ``EXPORTER``."""
