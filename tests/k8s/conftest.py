"""These tests need a cluster, KUBECONFIG, kubectl and images: collected by `make k8s-test` only."""

import os

collect_ignore_glob = [] if os.environ.get("KAFTALK_K8S_TEST") else ["test_*.py"]
