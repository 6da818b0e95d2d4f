"""What a small, a middle and a large lesion are: shares of the image, the same for all sets."""

MIDDLE, LARGE = 0.02, 0.1  # where middle and large begin
