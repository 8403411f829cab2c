"""A room's log on Kafka: append, follow, read. It knows topics and offsets and no word of chat."""
