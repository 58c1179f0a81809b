import type { EdgeStatus } from './edge.ts';
import type { EdgeEvent, EdgeLog } from './edge-log.ts';

/** Counts what an edge reports, and writes it in Prometheus' text format. */
export interface EdgeMetrics {
  /** Takes the edge's events. */
  readonly count: EdgeLog;
  /** The metrics now, text format 0.0.4. */
  render(status: EdgeStatus): string;
}

/** Reasons that become labels; whatever else there is counts as `other`, so that strangers cannot make series. */
const knownReasons = new Set([
  'source_limit',
  'too_many_connections',
  'tunnel_down',
  'tunnel_refused',
  'tunnel_no_answer',
  'certificate_revoked',
  'certificate_expired',
  'certificate_unknown',
  'invite_invalid',
  'csr_invalid',
  'bad_request',
  'renewal_refused',
  'certificate_needed',
]);

/** The counters, by event: name, help, and whether the reason is a label. */
const counters: Readonly<Partial<Record<EdgeEvent['event'], readonly [name: string, help: string, byReason?: true]>>> =
  {
    public_open: ['public_connections_total', 'Public connections carried.'],
    public_refused: ['public_refused_total', 'Public connections refused, by reason.', true],
    connector_up: ['connector_connections_total', 'Connector connections that came up.'],
    connector_refused: ['connector_refused_total', 'Connectors refused, by reason.', true],
    agent_refused: ['agent_refused_total', 'Agents refused at the agent door, by reason.', true],
    enrolled: ['enrolled_total', 'Join lines redeemed.'],
    enrol_refused: ['enrol_refused_total', 'Join lines refused, by reason.', true],
    renewed: ['renewed_total', 'Client certificates renewed.'],
    renew_refused: ['renew_refused_total', 'Renewals refused, by reason.', true],
    error: ['errors_total', 'Errors inside the edge.'],
  };

/** See {@link EdgeMetrics}. Domains are labels only where a tunnel is enrolled: their number is the edge's own. */
export function createEdgeMetrics(): EdgeMetrics {
  const counts = new Map<string, Map<string, number>>();
  let bytesIn = 0;
  let bytesOut = 0;
  return {
    count(event) {
      if (event.event === 'public_close') {
        bytesIn += event.bytesIn ?? 0;
        bytesOut += event.bytesOut ?? 0;
      }
      const spec = counters[event.event];
      if (!spec) return;
      const [name, , byReason] = spec;
      const reason = knownReasons.has(event.reason ?? '') ? (event.reason ?? '') : 'other';
      const label = byReason ? `{reason="${reason}"}` : '';
      const mine = counts.get(name) ?? new Map<string, number>();
      counts.set(name, mine.set(label, (mine.get(label) ?? 0) + 1));
    },
    render(status) {
      const lines: string[] = [];
      const metric = (kind: 'counter' | 'gauge', name: string, help: string, values: [string, number][]): void => {
        lines.push(`# HELP sallyport_edge_${name} ${help}`, `# TYPE sallyport_edge_${name} ${kind}`);
        for (const [label, value] of values) lines.push(`sallyport_edge_${name}${label} ${value}`);
      };
      for (const [name, help, byReason] of Object.values(counters)) {
        const mine = [...(counts.get(name) ?? [])];
        metric('counter', name, help, mine.length > 0 || byReason ? mine : [['', 0]]);
      }
      metric('counter', 'bytes_total', 'Bytes of ended public connections, as seen from the agent.', [
        ['{direction="in"}', bytesIn],
        ['{direction="out"}', bytesOut],
      ]);
      metric('gauge', 'public_connections', 'Public connections open now.', [['', status.open]]);
      metric(
        'gauge',
        'tunnel_connections',
        'Connector connections up now, by tunnel.',
        status.tunnels.map(({ domain, connections }) => [`{tunnel="${escapeLabel(domain)}"}`, connections.length]),
      );
      const { rss, heapUsed, external } = process.memoryUsage();
      metric('gauge', 'memory_bytes', 'Memory of the process.', [
        ['{kind="resident"}', rss],
        ['{kind="heap"}', heapUsed],
        ['{kind="external"}', external],
      ]);
      metric('gauge', 'uptime_seconds', 'Seconds since the process started.', [['', Math.round(process.uptime())]]);
      return `${lines.join('\n')}\n`;
    },
  };
}

function escapeLabel(text: string): string {
  return text.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`));
}
