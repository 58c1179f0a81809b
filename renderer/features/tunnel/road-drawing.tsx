import { Breaking } from '../../components/breaking.tsx';
import { EyeIcon } from '../../components/icons.tsx';
import { Outside } from '../../components/outside.tsx';
import { formatDay, formatShortClock, formatTook } from '../../format.ts';
import { useAppState, useSnapshot } from '../../state/services.ts';
import { useNow } from '../../state/use-now.ts';
import { texts } from '../../texts.ts';
import { roadStations, type Station } from '../road/road.ts';

/** The four stations with what proves each of them. */
export function RoadDrawing() {
  const state = useAppState();
  const online = useSnapshot().connection.kind === 'online';
  const stations = roadStations(state, online);
  return (
    <ol className="drawing">
      {stations.map((station) => (
        <li key={station.id} data-state={station.state}>
          <div className="drawing-head">
            <span className="drawing-dot" aria-hidden="true" />
            <h3>{nameOf(station, state.status.way === 'embedded')}</h3>
            <span className="drawing-state">
              {station.state === 'ok' && texts.road.ok}
              {station.state === 'broken' && texts.road.broken}
              {station.state === 'unknown' && texts.road.unknown}
              {station.state === 'paused' && texts.road.stateWords.paused}
            </span>
          </div>
          <div className="drawing-body">
            <Proof station={station} />
            {station.detail !== undefined && (
              <p className={station.state === 'broken' ? 'danger-text' : 'faint'}>
                <Outside text={station.detail} max={300} />
              </p>
            )}
          </div>
        </li>
      ))}
    </ol>
  );
}

function nameOf(station: Station, embedded: boolean): string {
  const words = texts.tunnel;
  if (station.id === 'outside') return embedded ? words.agentEmbedded : words.agentOutside;
  if (station.id === 'edge') return embedded ? words.edgeEmbedded : words.edge;
  return station.id === 'machine' ? words.machine : words.server;
}

function Proof({ station }: { station: Station }) {
  switch (station.id) {
    case 'edge':
      return <EdgeProof />;
    case 'machine':
      return <MachineProof />;
    case 'servers':
      return <ServersProof />;
    default:
      return <AddressProof />;
  }
}

function AddressProof() {
  const { tunnel } = useAppState();
  return (
    <dl className="facts">
      <dt>{texts.tunnel.address}</dt>
      <dd className="mono break">
        <Breaking text={tunnel.domain} at="." />
        {tunnel.port === 443 ? '' : `:${tunnel.port}`}
      </dd>
    </dl>
  );
}

function EdgeProof() {
  const { tunnel } = useAppState();
  const words = texts.tunnel;
  return (
    <>
      {tunnel.connections.length === 0 ? (
        <p className="faint">{words.noConnections}</p>
      ) : (
        <ul className="plain">
          {tunnel.connections.map((connection) => (
            <li key={`${connection.edge} ${connection.since}`}>
              <span className="mono">
                <Outside text={connection.edge} max={120} />
              </span>{' '}
              <span className="faint">
                {words.transport[connection.transport]} · {words.since(formatShortClock(connection.since))}
                {connection.rttMs !== undefined && ` · ${words.rtt(formatTook(connection.rttMs))}`}
              </span>
            </li>
          ))}
        </ul>
      )}
      <dl className="sees">
        <dt>
          <EyeIcon open />
          {words.canSee}
        </dt>
        <dd>{tunnel.canSee.join(', ') || words.nothing}</dd>
        <dt>
          <EyeIcon open={false} />
          {words.cannotSee}
        </dt>
        <dd>{tunnel.cannotSee.join(', ') || words.nothing}</dd>
      </dl>
    </>
  );
}

function MachineProof() {
  const { tunnel } = useAppState();
  const now = useNow();
  const words = texts.tunnel;
  if (!tunnel.certificate) return <p className="faint">{words.noCertificate}</p>;
  const ended = Date.parse(tunnel.certificate.notAfter) <= now;
  const day = formatDay(tunnel.certificate.notAfter);
  return (
    <dl className="facts">
      <dt>{words.certificate}</dt>
      <dd className={ended ? 'danger-text' : undefined}>{ended ? words.expired(day) : words.expires(day)}</dd>
      <dt>{words.fingerprint}</dt>
      <dd className="mono break fingerprint">
        <Breaking text={tunnel.certificate.fingerprint} at=":" />
      </dd>
    </dl>
  );
}

function ServersProof() {
  const { servers } = useAppState();
  const shared = servers.filter((server) => server.shared);
  if (shared.length === 0) return <p className="faint">{texts.road.stateWords['nothing-shared']}</p>;
  return (
    <ul className="plain">
      {shared.map((server) => (
        <li key={server.slug}>
          <span className="mono">{server.slug}</span>{' '}
          <span className="faint">{texts.servers.states[server.state]}</span>
        </li>
      ))}
    </ul>
  );
}
