"""What the product measures about itself: each area against the bare engine in the same run."""
