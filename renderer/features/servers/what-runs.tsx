import type { FoundServer } from '../../../electron/shared/views.ts';
import { CommandLine } from '../../components/command-line.tsx';
import { Outside } from '../../components/outside.tsx';
import { texts } from '../../texts.ts';

/** What would run, or where calls would go: whole, with folder and the names of variables and headers. */
export function WhatRuns({
  target,
}: {
  target: Pick<FoundServer, 'command' | 'args' | 'cwd' | 'url' | 'env' | 'headers'>;
}) {
  const words = texts.found;
  const names = [...target.env, ...(target.headers ?? [])];
  return (
    <>
      <p>
        {target.command === undefined ? (
          <code className="command mono">
            <Outside text={target.url ?? ''} max={4_096} />
          </code>
        ) : (
          <CommandLine command={target.command} args={target.args ?? []} />
        )}
      </p>
      {target.cwd !== undefined && (
        <p className="faint">
          {words.folder} <Outside text={target.cwd} max={4_096} mono />
        </p>
      )}
      {names.length > 0 && (
        <p className="faint">
          {target.command === undefined ? words.headers : words.values}:{' '}
          <Outside text={names.join(' ')} max={4_096} mono />
        </p>
      )}
    </>
  );
}
