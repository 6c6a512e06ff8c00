"""The verbs and their order. Knows no Ray: what runs where is on_ray's business."""
