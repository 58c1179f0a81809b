import { spawnSync } from 'node:child_process';

/** Whether a program runs here; a test that needs it as an independent judge is skipped, and says so, where it does not. */
export function runs(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/**
 * A strict client of another family: Python's `ssl` with VERIFY_X509_STRICT, as Python 3.13 has it by default. Arguments:
 * CA file, port, server name, ALPN list or empty. Prints one JSON object.
 */
export const pythonStrictClient = `
import json, socket, ssl, sys
ca, port, name, alpn = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_verify_locations(ca)
context.verify_flags |= ssl.VERIFY_X509_STRICT
if alpn:
    context.set_alpn_protocols(alpn.split(","))
try:
    with socket.create_connection(("127.0.0.1", port), 10) as raw:
        with context.wrap_socket(raw, server_hostname=name) as tls:
            tls.sendall(b"GET / HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
            answer = b""
            while True:
                chunk = tls.recv(65536)
                if not chunk:
                    break
                answer += chunk
            print(json.dumps({"version": tls.version(), "alpn": tls.selected_alpn_protocol(), "answer": answer.decode("latin1")}))
except ssl.SSLError as error:
    print(json.dumps({"error": error.reason, "verify": getattr(error, "verify_message", None)}))
`;
