"""What the gateway counts."""

from kaftalk_runtime import metrics

connections = metrics.gauge("kaftalk_gateway_connections", "Open sockets")
frames_in = metrics.counter("kaftalk_gateway_frames_received_total", "Frames from clients", "t")
fan_out = metrics.counter("kaftalk_gateway_delivered_total", "Events written to sockets, one a socket")
events = metrics.counter("kaftalk_gateway_events_total", "Events taken from links")
duplicates = metrics.counter("kaftalk_gateway_duplicates_dropped_total", "Events of links that were there before")
gaps = metrics.counter("kaftalk_gateway_gaps_repaired_total", "Gaps that were pulled from the log")
slow_readers = metrics.counter("kaftalk_gateway_slow_readers_total", "Sockets that fell behind and caught up later")
resumed = metrics.counter("kaftalk_gateway_resumes_total", "Rooms resumed, by where the events came from", "source")
resets = metrics.counter("kaftalk_gateway_resets_total", "Rooms that could not be resumed", "reason")
acks = metrics.counter("kaftalk_gateway_acks_total", "Requests that are stored", "t")
errors = metrics.counter("kaftalk_gateway_errors_total", "Requests refused", "code")
closes = metrics.counter("kaftalk_gateway_closes_total", "Sockets closed by the gateway", "code")
handshakes_refused = metrics.counter("kaftalk_gateway_handshakes_refused_total", "Handshakes refused", "status")
send_to_ack = metrics.histogram("kaftalk_gateway_send_to_ack_seconds", "From a send to its ack")
send_to_deliver = metrics.histogram(
    "kaftalk_gateway_send_to_deliver_seconds", "From a send to its event at the room's sockets of the same gateway"
)
links = metrics.gauge("kaftalk_gateway_links", "Open links to deliveries")
feeds = metrics.gauge("kaftalk_gateway_feeds", "Rooms that somebody here is in")
pierced = metrics.counter("kaftalk_gateway_pierced_total", "Messages that sounded in a hold, one a user", "reason")
alerts_lost = metrics.counter("kaftalk_gateway_alerts_lost_total", "Messages that could not be looked at for holds")
pierced_unnoted = metrics.counter("kaftalk_gateway_pierced_unnoted_total", "Alerts that dnd-batch never heard of")
past_holds = metrics.counter("kaftalk_gateway_past_holds_total", "Events shown to people in a hold, one a socket")
releases = metrics.counter("kaftalk_gateway_releases_total", "Releases that were handed to sockets, one a user")
