"""MixSeg, a reproducible benchmark of mixed-modality 2-D medical image segmentation."""
