import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** `npm run dev` talks to the stack that `make up` has started. */
const backend = "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react()],
  build: { target: "es2022", sourcemap: false, assetsInlineLimit: 0 },
  server: {
    host: "127.0.0.1",
    proxy: { "/api": backend, "/ws": { target: backend.replace("http", "ws"), ws: true } },
  },
  test: { include: ["test/**/*.test.ts"], environment: "node" },
});
