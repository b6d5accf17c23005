"""The conversation between one media leg and one model. Runs beside the media; takes orders, reports events."""
