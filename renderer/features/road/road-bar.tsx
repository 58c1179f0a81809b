import { visibleText } from '../../../electron/shared/visible-text.ts';
import { DoorMark, EyeIcon, PauseIcon, ResumeIcon } from '../../components/icons.tsx';
import { formatAgo, formatShortClock } from '../../format.ts';
import { linkTo } from '../../navigation.ts';
import { useAppState, useLog, useServices, useSnapshot } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { useNow } from '../../state/use-now.ts';
import { texts } from '../../texts.ts';
import { roadStations } from './road.ts';

/** The road in one line, always there: where a request passes, what is broken, and the switch that stops everything. */
export function RoadBar() {
  const state = useAppState();
  const { bridge } = useServices();
  const { connection } = useSnapshot();
  const paused = state.paused !== undefined;
  const toggle = useAction(async () => {
    if (paused) await bridge.request('resume', {});
    else await bridge.request('pause', {});
  });
  return (
    <header className="road-bar" data-paused={paused || undefined}>
      <span className="brand">
        <DoorMark />
        <span className="brand-name">{texts.app}</span>
      </span>
      <RoadLine />
      <RoadWords />
      {toggle.error && (
        <span className="danger-text road-error" role="alert">
          {visibleText(toggle.error.message, { max: 200 })}
        </span>
      )}
      <button
        type="button"
        className={paused ? 'button primary pause' : 'button pause'}
        disabled={toggle.pending || connection.kind !== 'online'}
        onClick={() => toggle.start()}
      >
        {paused ? <ResumeIcon /> : <PauseIcon />}
        {paused ? texts.road.resume : texts.road.pause}
      </button>
    </header>
  );
}

function RoadLine() {
  const state = useAppState();
  const online = useSnapshot().connection.kind === 'online';
  const canRead = state.status.way === 'openai';
  const embedded = state.status.way === 'embedded';
  return (
    <nav aria-label={texts.road.label} className="road">
      <ol>
        {roadStations(state, online).map((station) => {
          const words = [station.label];
          if (station.id === 'edge' && !embedded) words.push(canRead ? texts.road.canRead : texts.road.cannotRead);
          if (station.state === 'broken') words.push(texts.road.broken);
          if (station.state === 'ok') words.push(texts.road.ok);
          return (
            <li key={station.id} data-state={station.state}>
              <a
                href={linkTo(station.page)}
                aria-label={words.join(', ')}
                title={station.detail === undefined ? undefined : visibleText(station.detail, { max: 300 })}
              >
                <span className="dot" aria-hidden="true" />
                <span className="road-label">{station.label}</span>
                {station.id === 'edge' && !embedded && (
                  <span className="eye">
                    <EyeIcon open={canRead} />
                  </span>
                )}
              </a>
            </li>
          );
        })}
      </ol>
    </nav>
  );
}

function RoadWords() {
  const state = useAppState();
  const online = useSnapshot().connection.kind === 'online';
  const { rows } = useLog();
  const now = useNow();
  const { probe } = state.status;
  // Instants of the log are RFC 3339 in UTC, which sort as text: no parsing of thousands of rows at each redraw.
  const minuteAgo = new Date(now - 60_000).toISOString();
  const rate = rows.filter((row) => row.kind === 'call' && row.at > minuteAgo).length;
  const unproven =
    state.status.state === 'sharing' &&
    state.status.way !== 'embedded' &&
    (probe?.ok !== true || probe.from === 'here');
  if (!online) {
    return (
      <p className="road-words" data-tone="paused">
        <span className="road-fact first">{texts.road.noAnswer}</span>
      </p>
    );
  }
  const facts: string[] = [];
  if (state.paused) facts.push(texts.road.pausedSince(formatShortClock(state.paused.at)));
  else facts.push(unproven ? texts.road.unproven : texts.road.stateWords[state.status.state]);
  const broken = state.status.road.find((station) => !station.ok);
  if (!state.paused && broken?.detail) facts.push(visibleText(broken.detail, { max: 120 }));
  else if (!state.paused && probe) {
    const ago = formatAgo(probe.at, now);
    facts.push(probe.ok ? texts.road.probe(ago) : texts.road.probeFailed(ago));
  }
  if (!state.paused && rate > 0) facts.push(texts.road.rate(rate));
  const tone = state.paused ? 'paused' : state.status.state === 'trouble' ? 'trouble' : 'calm';
  return (
    <p className="road-words" data-tone={tone}>
      {facts.map((fact, index) => (
        <span key={fact} className={index === 0 ? 'road-fact first' : 'road-fact'}>
          {fact}
        </span>
      ))}
    </p>
  );
}
