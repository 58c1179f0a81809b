import { describe, expect, test } from 'vitest';
import { readMcpProxyConfig } from '../../../electron/core/tunnel/connectors/anthropic/mcp-proxy-config.ts';

const whole = `listen_addr: "0.0.0.0:8080"
log_level: info
shutdown_timeout: 30s
tunnel_domain: ABCD1234.tunnel.anthropic.com
tls:
  cert_file: /certs/tls.crt
  key_file: /certs/tls.key
routes:
  files: http://10.1.2.3:8000
  git.example.com: https://git.internal:9443
upstream:
  allowed_ips:
    - 10.0.0.0/8
  disable_ip_validation: false
  tls:
    ca_file: /certs/ca.pem
    include_system_cas: true
`;

describe('the configuration of an mcp-proxy', () => {
  test('is read with every field', () => {
    const config = readMcpProxyConfig(whole, 'config.yaml');
    expect(config).toMatchObject({
      domain: 'abcd1234.tunnel.anthropic.com',
      listen: 8080,
      routes: [
        { key: 'files', host: 'files.abcd1234.tunnel.anthropic.com', upstream: 'http://10.1.2.3:8000' },
        { key: 'git.example.com', host: 'git.example.com', upstream: 'https://git.internal:9443' },
      ],
    });
    expect(config.remarks.join('\n')).toMatch(
      /cert_file.*\n.*log_level[\s\S]*shutdown_timeout[\s\S]*NODE_EXTRA_CA_CERTS=\/certs\/ca\.pem/,
    );
  });

  test.each([
    ['files: http://8.8.8.8:80', 'IP validation failed: 8.8.8.8 is not a private address'],
    // The published default knows private networks alone: loopback is refused too.
    ['files: http://127.0.0.1:80', 'IP validation failed: 127.0.0.1 is not a private address'],
    ['files: "http://[::1]:80"', 'IP validation failed: ::1 is not a private address'],
    ['files: http://10.0.0.1:80/mcp', 'the upstream must be exactly scheme://host:port'],
    ['files: http://u:p@10.0.0.1:80', 'the upstream must be exactly scheme://host:port'],
    ['files: ftp://10.0.0.1:80', 'the upstream must be exactly scheme://host:port'],
    ['"fi les": http://10.0.0.1:80', 'is no host name'],
  ])('refuses the route %s, naming its line', (route, words) => {
    const text = `tunnel_domain: a.example\nroutes:\n  ${route}\n`;
    expect(() => readMcpProxyConfig(text, 'config.yaml')).toThrow(words);
    expect(() => readMcpProxyConfig(text, 'config.yaml')).toThrow(/^config\.yaml:3:/);
  });

  test('lets every address through where validation is off, and networks of one’s own', () => {
    const off = `tunnel_domain: a.example\nroutes: { x: "http://127.0.0.1:1" }\nupstream: { disable_ip_validation: true }\n`;
    expect(readMcpProxyConfig(off, 'c').routes[0]?.upstream).toBe('http://127.0.0.1:1');
    const own = `tunnel_domain: a.example\nroutes: { x: "http://192.168.0.1:1" }\nupstream: { allowed_ips: [127.0.0.0/8] }\n`;
    expect(() => readMcpProxyConfig(own, 'c')).toThrow('192.168.0.1 is not a private address');
  });

  test('takes single addresses among the networks, and whole hosts without tunnel_domain', () => {
    const text = `listen_addr: ":8080"\nroutes: { wiki.abcd.example: "http://10.9.8.7:1", git.abcd.example: "http://10.9.8.7:2" }\nupstream: { allowed_ips: [10.9.8.7] }\n`;
    expect(readMcpProxyConfig(text, 'c')).toMatchObject({
      domain: 'abcd.example',
      routes: [{ host: 'wiki.abcd.example' }, { host: 'git.abcd.example' }],
    });
    expect(() => readMcpProxyConfig(text.replaceAll('10.9.8.7:1', '10.9.8.6:1'), 'c')).toThrow(
      '10.9.8.6 is not a private',
    );
    expect(() => readMcpProxyConfig(text.replace('git.abcd', 'git.other'), 'c')).toThrow('tunnel_domain is needed');
  });

  test('needs no key of the old proxy: one that cannot be read stops nothing', () => {
    const text =
      'tunnel_domain: a.example\nroutes: {}\ntls: { cert_file: /nonexistent/tls.crt, key_file: /nonexistent/tls.key }\n';
    expect(readMcpProxyConfig(text, 'c').remarks.join(' ')).toContain('key_file are not used');
  });

  test.each([
    ['routes: [a, b]', 'c:2:9: routes: cannot unmarshal !!seq into map[string]string'],
    ['routes: here', 'c:2:9: routes: cannot unmarshal !!str into map[string]string'],
    ['routes: { a: [b] }', 'c:2:14: routes.a: cannot unmarshal !!seq into string'],
    ['routes: {}\nupstream: { disable_ip_validation: maybe }', 'cannot unmarshal !!str into bool'],
    ['routes: {}\nupstream: { allowed_ips: 10.0.0.0/8 }', 'cannot unmarshal !!str into []string'],
    ['routes: {}\ntls: { key_file: 7 }', 'tls.key_file: cannot unmarshal !!int into string'],
    ['routes: {}\nupstream: { disable_ip_validation: true, allowed_ips: [10.0.0.0/8] }', 'are mutually exclusive'],
  ])('says of %j what the proxy would say', (text, words) => {
    expect(() => readMcpProxyConfig(`tunnel_domain: a.example\n${text}\n`, 'c')).toThrow(words);
  });

  test.each([
    ['routes: {}\n', /tunnel_domain/],
    ['tunnel_domain: a.example\nroutes: {}\nlisten: 8080\n', /field listen not found/],
    ['tunnel_domain: a.example\nroutes: {}\nlisten_addr: nowhere\n', /c:3:14: listen_addr must be/],
    ['tunnel_domain: a.example\nroutes: {}\nupstream: { allowed_ips: [fe80::/10] }\n', /c:3:27: allowed_ips/],
    ['tunnel_domain: a\n  routes: [\n', /c:[0-9]+:[0-9]+: yaml: /],
  ])('names what is wrong in %j', (text, words) => {
    expect(() => readMcpProxyConfig(text, 'c')).toThrow(words);
  });
});
