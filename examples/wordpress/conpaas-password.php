<?php
// Gives the account admin a new password and shows it; run on the command line of a node.
if (PHP_SAPI !== 'cli') {
    http_response_code(404);
    exit;
}
require __DIR__ . '/wp-load.php';
$user = get_user_by('login', 'admin');
if (!$user) {
    fwrite(STDERR, "there is no account 'admin'\n");
    exit(1);
}
$password = wp_generate_password(20, false);
wp_set_password($password, $user->ID);
echo "$password\n";
