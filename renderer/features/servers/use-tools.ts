import { useCallback, useEffect, useState } from 'react';
import { asSallyportError, type SallyportError } from '../../../electron/shared/errors.ts';
import type { ServerView, ToolView } from '../../../electron/shared/views.ts';
import { useServices } from '../../state/services.ts';

/** A server's tools as last read, and a way to put one changed tool in its place. */
export interface Tools {
  readonly tools: readonly ToolView[] | undefined;
  readonly error: SallyportError | undefined;
  put(tool: ToolView): void;
  reload(): void;
}

/** Reads the tools, and again whenever the server's own figures say that something about them changed. */
export function useTools(server: ServerView): Tools {
  const { bridge } = useServices();
  const [tools, setTools] = useState<readonly ToolView[]>();
  const [error, setError] = useState<SallyportError>();
  const [asked, setAsked] = useState(0);
  const { slug, shared, state } = server;
  const { total, exposed } = server.tools;
  // biome-ignore lint/correctness/useExhaustiveDependencies: these figures say when to read again.
  useEffect(() => {
    let current = true;
    bridge.request('tools.list', { server: slug }).then(
      (answer) => {
        if (!current) return;
        setTools(answer.tools);
        setError(undefined);
      },
      (thrown: unknown) => {
        if (current) setError(asSallyportError(thrown));
      },
    );
    return () => {
      current = false;
    };
  }, [bridge, slug, shared, state, total, exposed, asked]);
  const put = useCallback((tool: ToolView) => {
    setTools((before) => before?.map((each) => (each.name === tool.name ? tool : each)));
  }, []);
  const reload = useCallback(() => setAsked((count) => count + 1), []);
  return { tools, error, put, reload };
}
