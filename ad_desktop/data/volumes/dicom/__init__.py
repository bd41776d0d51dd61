"""DICOM: headers of files, how images make up volumes, their values."""
