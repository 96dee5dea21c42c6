// htmx for the desk, without what a strict content policy forbids: no inline
// style for its indicators, no evaluated code in attributes.
import htmx from 'htmx.org';

htmx.config.includeIndicatorStyles = false;
htmx.config.allowEval = false;
htmx.config.selfRequestsOnly = true;
htmx.config.historyCacheSize = 0; // pages of the desk are not kept in the browser
