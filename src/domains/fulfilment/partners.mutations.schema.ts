import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { fromGlobalId } from '../../graphql/global-id.ts';
import { NotFoundError } from '../../kernel/errors.ts';

const RotateWebhookSecretInput = builder.inputType('RotateWebhookSecretInput', {
  description: 'Whose webhooks are to be signed with a new secret.',
  fields: (t) => ({
    merchantId: t.id({ required: true, description: 'Global id of a merchant that you act for.' }),
  }),
});

const RotateWebhookSecretSuccess = builder.objectRef<{ secret: string }>('RotateWebhookSecretSuccess').implement({
  description: 'The merchant has a new secret.',
  fields: (t) => ({
    secret: t.exposeString('secret', {
      description:
        'Sign with it what you POST to /webhooks/partners/<handle>: HMAC-SHA256 over "<seconds>.<body>", in the header "hadiya-signature: t=<seconds>,v1=<hex>". It cannot be read again.',
    }),
  }),
});

builder.mutationField('rotateWebhookSecret', (t) =>
  t.field({
    type: RotateWebhookSecretSuccess,
    description:
      'Makes a new secret for a merchant’s webhooks, the first one included. The old one is void at once; each call makes another.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: RotateWebhookSecretInput, required: true, description: 'The merchant.' }) },
    errors: { types: [...commonErrors, NotFoundError], union: { description: 'What `rotateWebhookSecret` returns.' } },
    resolve: async (_root, { input }, context) => ({
      secret: await context.services.fulfilment.partners.rotateSecret(
        requireActor(context),
        fromGlobalId('Merchant', input.merchantId, 'merchant'),
      ),
    }),
  }),
);
