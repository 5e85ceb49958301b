import SchemaBuilder from '@pothos/core';
import ComplexityPlugin from '@pothos/plugin-complexity';
import ErrorsPlugin from '@pothos/plugin-errors';
import PrismaPlugin from '@pothos/plugin-prisma';
import RelayPlugin from '@pothos/plugin-relay';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import ValidationPlugin from '@pothos/plugin-validation';
import { isObjectType } from 'graphql';
import type PrismaTypes from '../generated/pothos-types.ts';
import { getDatamodel } from '../generated/pothos-types.ts';
import { ForbiddenError, InvalidInputError, NotSignedInError } from '../kernel/errors.ts';
import type { Context } from './context.ts';
import GatePlugin from './gate.ts';
import { decodeNodeId } from './global-id.ts';
import FieldCostsPlugin from './limits/field-costs.ts';
import { PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX } from './page-size.ts';
import PublicFieldsPlugin from './public-fields.ts';
import { rules } from './rules.ts';

export { PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX };

/** The schema builder. It knows plugins and conventions, and no types: those stand in the domains' `*.schema.ts`. */
export const builder = new SchemaBuilder<{
  Context: Context;
  PrismaTypes: PrismaTypes;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: false;
  DefaultNodeNullability: false;
  AuthScopes: { signedIn: boolean; operator: boolean };
  Scalars: {
    SafeInt: { Input: number; Output: number | bigint };
    DateTime: { Input: Date; Output: Date };
    Date: { Input: string; Output: string };
    ID: { Input: string; Output: string | number | bigint };
  };
  Connection: { totalCount: number | (() => number | Promise<number>) };
}>({
  // Order matters: errors are caught around the plugins that come after it.
  plugins: [
    ErrorsPlugin,
    GatePlugin,
    RelayPlugin,
    ScopeAuthPlugin,
    PrismaPlugin,
    ValidationPlugin,
    PublicFieldsPlugin,
    FieldCostsPlugin, // replaces what the next one says
    ComplexityPlugin,
  ],
  defaultFieldNullability: false,
  errors: {
    directResult: true,
    defaultUnionOptions: {
      name: ({ fieldName }) => `${fieldName[0]!.toUpperCase()}${fieldName.slice(1)}Result`,
    },
    // Validators are pure, so what they say before authorisation gives nothing away.
    unsafelyHandleInputErrors: true,
  },
  relay: {
    clientMutationId: 'omit',
    cursorType: 'String',
    nodesQueryOptions: false,
    decodeGlobalID: decodeNodeId,
    nodeQueryOptions: {
      description: 'Any object by its global id; null when it does not exist or is not yours to see.',
      args: { id: { description: 'The global id.' } },
      // Pothos speaks of its own inside when an id names a type that is no node.
      resolve: (_root, { id }, _context, { schema }, resolveNode) => {
        const type = schema.getType(id.typename);
        return isObjectType(type) && type.getInterfaces().some(({ name }) => name === 'Node') ? resolveNode(id) : null;
      },
    },
    idFieldOptions: { description: 'Global id: unique over all types, and the key of client caches.' },
    nodeTypeOptions: { description: 'Anything with a global id.' },
    edgesFieldOptions: { public: true, nullable: false, description: 'The items of this page.' },
    nodeFieldOptions: { public: true, nullable: false, description: 'The item.' },
    cursorFieldOptions: { public: true, description: 'Where the item stands: pass it as `after` to go on behind it.' },
    pageInfoFieldOptions: { public: true, description: 'Where this page stands in the list.' },
    firstArgOptions: { description: `Items wanted, ${PAGE_SIZE_MAX} at the most.` },
    afterArgOptions: { description: 'Cursor of the item behind which the page begins.', validate: rules.rowCursor },
    lastArgOptions: { description: `Items wanted from the end, ${PAGE_SIZE_MAX} at the most.` },
    beforeArgOptions: { description: 'Cursor of the item before which the page ends.', validate: rules.rowCursor },
    hasNextPageFieldOptions: { public: true, description: 'Whether there is more behind this page.' },
    hasPreviousPageFieldOptions: { public: true, description: 'Whether there is something before this page.' },
    startCursorFieldOptions: { public: true, description: 'Cursor of the first item; null on an empty page.' },
    endCursorFieldOptions: { public: true, description: 'Cursor of the last item; null on an empty page.' },
    pageInfoTypeOptions: { description: 'Where a page stands in its list.' },
  },
  scopeAuth: {
    authScopes: (context) => ({
      signedIn: context.actor !== undefined,
      operator: context.actor?.isOperator === true,
    }),
    // The one scope that somebody who is signed in can lack is that of operators.
    unauthorizedError: (_parent, context) =>
      context.actor
        ? new ForbiddenError('Only an operator of the platform can do this.')
        : new NotSignedInError(context.tokenProblem),
    authorizeOnSubscribe: true,
  },
  // Costs are added up before an operation is executed (limits/cost.ts), and not once more by its first resolver.
  complexity: { disabled: true },
  prisma: {
    client: (context) => context.services.db.prisma,
    dmmf: getDatamodel(),
    filterConnectionTotalCount: true,
    maxConnectionSize: PAGE_SIZE_MAX,
    defaultConnectionSize: PAGE_SIZE_DEFAULT,
    onUnusedQuery: null,
  },
  validation: {
    validationError: (failure) =>
      new InvalidInputError(
        failure.issues.map((issue) => ({ path: (issue.path ?? []).map(pathKey).join('.'), message: issue.message })),
      ),
  },
});

builder.queryType({ description: 'Reads. What is public needs no token.' });
builder.mutationType({
  description:
    'Writes. Each returns a union of its success and its expected failures; safe to repeat with the same idempotency key.',
});
builder.subscriptionType({
  description: 'What happens from now on, over WebSocket (graphql-transport-ws) or Server-Sent Events.',
});

function pathKey(segment: PropertyKey | { key: PropertyKey }): string {
  return String(typeof segment === 'object' ? segment.key : segment);
}
