"""What the file of a model is called: apart, since the window has to know it before it can do anything else."""

SUFFIX = ".adm"
