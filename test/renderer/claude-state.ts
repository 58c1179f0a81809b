import type { AppState } from '../../electron/shared/contract.ts';
import { sharingState } from './fixtures.ts';

/** Behind a tunnel of Anthropic's: connected, the authority not proven, nothing came yet. */
export function claudeState(): AppState {
  const state = sharingState();
  return {
    ...state,
    status: { ...state.status, way: 'anthropic', probe: undefined },
    tunnel: {
      ...state.tunnel,
      way: 'anthropic',
      domain: 'abcd1234.tunnel.anthropic.com',
      port: 443,
      proof: 'own-end',
      canSee: ['the name of this tunnel', 'sizes and times'],
      checklist: [
        { step: 'tunnel', state: 'done', detail: 'abcd1234.tunnel.anthropic.com, its token is stored' },
        {
          step: 'authority',
          state: 'unproven',
          detail: 'Register the certificate with the tunnel; proven by the first connection',
        },
        { step: 'connector', state: 'done', detail: '4 connections: fra01, fra02, fra03, fra04' },
        { step: 'servers', state: 'done', detail: 'files.abcd1234.tunnel.anthropic.com' },
        { step: 'first-call', state: 'unproven', detail: 'Nothing came from outside yet' },
      ],
      remarks: ['cloudflared 2026.8.2'],
    },
  };
}
