import { graphql } from 'relay-runtime';

export const roomQuery = graphql`
  query documentsRoomQuery($id: ID!, $first: Int!, $after: String) {
    me {
      id
      handle
      wallet {
        coins
      }
    }
    liveStream(id: $id) {
      id
      title
      ...documents_log @arguments(first: $first, after: $after)
    }
  }
`;

/** A page of the log; it is asked for again, by the stream's global id, with the next cursor. */
export const logFragment = graphql`
  fragment documents_log on LiveStream
  @argumentDefinitions(first: { type: "Int!" }, after: { type: "String" })
  @refetchable(queryName: "documentsLogPageQuery") {
    events(first: $first, after: $after) @connection(key: "documents_events") {
      edges {
        cursor
        node {
          __typename
          seq
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`;

export const sendGiftMutation = graphql`
  mutation documentsSendGiftMutation($input: SendGiftInput!) {
    sendGift(input: $input) {
      __typename
      ... on SendGiftSuccess {
        replayed
        wallet {
          coins
        }
        giftSent {
          seq
        }
      }
      ... on InsufficientCoinsError {
        required
        available
      }
      ... on Error {
        code
        message
      }
    }
  }
`;

export const feedSubscription = graphql`
  subscription documentsFeedSubscription($streamId: ID!, $after: String) {
    liveEvents(streamId: $streamId, after: $after) {
      cursor
      node {
        __typename
        seq
        ... on GiftSent {
          sender {
            handle
          }
          quantity
          streak
        }
      }
    }
  }
`;
