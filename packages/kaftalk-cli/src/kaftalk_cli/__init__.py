"""The operator's tool: it reads the environment of the services and works beside them."""
