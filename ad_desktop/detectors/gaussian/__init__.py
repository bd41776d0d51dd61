"""The mathematics of Gaussian-AD: shrinkage, Gaussians over pooled and over local features, held-out distances."""
