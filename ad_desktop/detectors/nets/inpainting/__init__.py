"""AutoPaint's network and how it learns. Importing its modules imports torch."""
