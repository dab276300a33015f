"""Everything about AvePoint's wire: tokens, pace, pages and the meaning of values."""
