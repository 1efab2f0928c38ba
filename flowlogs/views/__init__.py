"""The pages of the flowlogs app."""
