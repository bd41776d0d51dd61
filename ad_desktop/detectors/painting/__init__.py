"""What AutoPaint does around its network: alignment, template, holes, corruption, passes and refinement."""
