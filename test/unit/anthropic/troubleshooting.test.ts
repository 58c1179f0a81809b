import { describe } from 'vitest';
import { checkNamedTests } from '../../named-tests.ts';

describe('the table of what can go wrong with Anthropic’s tunnels', () => {
  checkNamedTests(
    'Anthropic',
    {
      A: 'test/integration/anthropic/tunnels-api.test.ts',
      E: 'test/e2e/anthropic.test.ts',
      I: 'test/integration/inner-tls/strict-clients.test.ts',
      K: 'test/unit/anthropic/checklist.test.ts',
      L: 'test/integration/anthropic/listener.test.ts',
      O: 'test/integration/oauth/loopback-page.test.ts',
      P: 'test/unit/anthropic/mcp-proxy-config.test.ts',
      S: 'test/integration/anthropic/supervisor.test.ts',
    },
    15,
  );
});
