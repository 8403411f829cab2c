#!/bin/sh
# Starts the image's service with the keys that the `keys` container made on first start.
set -eu
KAFTALK_INTERNAL_KEYS=${KAFTALK_INTERNAL_KEYS:-$(cat /keys/internal)}
KAFTALK_INSTANCE=${KAFTALK_INSTANCE:-$KAFTALK_SERVICE-$(hostname)}
KAFTALK_INTERNAL_ADVERTISE=${KAFTALK_INTERNAL_ADVERTISE:-ws://$(hostname):8001}
export KAFTALK_INTERNAL_KEYS KAFTALK_INSTANCE KAFTALK_INTERNAL_ADVERTISE
exec python -m "kaftalk_$(echo "$KAFTALK_SERVICE" | tr - _)"
