import { useDeferredValue, useMemo, useState } from 'react';
import { Empty } from '../../components/empty.tsx';
import { Failure } from '../../components/failure.tsx';
import { Page } from '../../components/page.tsx';
import { linkTo, navigate } from '../../navigation.ts';
import { useLog, useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';
import { parseFilter } from './log-filter.ts';
import { RequestDetails } from './request-details.tsx';
import { RequestList } from './request-list.tsx';

/** Every request live, filtered by words in one field, the chosen one at the side. */
export function RequestsPage({ selected }: { selected: string | undefined }) {
  const { log } = useServices();
  const { rows, dropped, loaded, more, error } = useLog();
  const [filter, setFilter] = useState('');
  const deferred = useDeferredValue(filter);
  const fitting = useMemo(() => {
    if (deferred.trim() === '') return rows;
    const fits = parseFilter(deferred);
    return rows.filter(fits);
  }, [rows, deferred]);
  const older = useAction(() => log.loadOlder());
  const words = texts.requests;
  return (
    <Page
      fill
      title={words.title}
      actions={
        <search className="filter">
          <input
            type="search"
            className="input mono"
            aria-label={words.filter}
            placeholder={words.filterHint}
            value={filter}
            onChange={(event) => setFilter(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === 'Escape') setFilter('');
            }}
          />
        </search>
      }
    >
      <Failure error={error} />
      <div className="requests" data-details={selected === undefined ? undefined : ''}>
        <div className="requests-list">
          {(dropped > 0 || more) && (
            <p className="log-note faint">
              {dropped > 0 && <span>{words.dropped(dropped)}</span>}
              {more && (
                <button type="button" className="link" disabled={older.pending} onClick={() => older.start()}>
                  {words.older}
                </button>
              )}
            </p>
          )}
          {fitting.length > 0 ? (
            <RequestList
              rows={fitting}
              selected={selected}
              onSelect={(id) => navigate('requests', id)}
              onClose={() => navigate('requests')}
            />
          ) : rows.length > 0 ? (
            <Empty title={words.nothingTitle} text={words.nothing(rows.length)}>
              <button type="button" className="button" onClick={() => setFilter('')}>
                {words.clear}
              </button>
            </Empty>
          ) : loaded ? (
            <Empty title={words.emptyTitle} text={words.empty}>
              <a className="button" href={linkTo('servers')}>
                {words.emptyStep}
              </a>
            </Empty>
          ) : (
            <p className="faint pad" role="status">
              {texts.loading}
            </p>
          )}
        </div>
        {selected !== undefined && (
          <RequestDetails
            key={selected}
            id={selected}
            row={rows.find((row) => row.id === selected)}
            onClose={() => navigate('requests')}
          />
        )}
      </div>
    </Page>
  );
}
